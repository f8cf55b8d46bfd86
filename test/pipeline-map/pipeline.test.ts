/** The map itself holds together. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { describe, test } from 'node:test'
import { pipeline, type StageEntry, type Topic, topics } from '../../src/pipeline.ts'

const entries = Object.entries(topics) as [keyof typeof topics, Topic][]
const stages: readonly StageEntry[] = pipeline
/** Written by every stage. */
const fromOutside = ['dead-letters']
/** What callers write comes in by two doors: their own topics, or HTTP. */
const doors = 'intake,gateway'

describe('src/pipeline.ts', () => {
  test('a topic is written by one stage, or by the doors, and by an earlier one than those that read it', () => {
    for (const [topic, { chained }] of entries) {
      const writers = stages.filter(({ writes, keeps = [] }) => [...writes, ...keeps].includes(topic))
      const names = writers.map(({ stage }) => stage)
      assert.ok(
        names.join() === doors || names.length === (fromOutside.includes(topic) ? 0 : 1),
        `${topic} is written by ${names}`,
      )
      for (const writer of stages.filter(({ writes }) => writes.includes(topic)))
        assert.equal(writer.runs === 'chain', chained, `${writer.stage} writes ${topic}`)
      for (const [position, reader] of stages.entries())
        if (reader.reads.includes(topic))
          assert.ok(
            writers.every(writer => stages.indexOf(writer) < position),
            `${reader.stage} reads ${topic}`,
          )
    }
  })
  test('a chained stage writes one topic, which is its lock', () => {
    for (const stage of stages.filter(({ runs }) => runs === 'chain')) assert.equal(stage.writes.length, 1, stage.stage)
  })
  test('a state that is kept is compacted, by key, and no stage reads it', () => {
    for (const topic of stages.flatMap(({ keeps = [] }) => keeps)) {
      assert.deepEqual([topics[topic].cleanup, topics[topic].chained], ['compact', false])
      assert.ok(stages.every(({ reads, broadcast }) => ![...reads, ...broadcast].includes(topic)))
    }
  })
  test('a chained topic is never compacted', () => {
    for (const [topic, { chained, cleanup }] of entries) assert.ok(!chained || cleanup === 'delete', topic)
  })
  test('every schema and every step is there', () => {
    const there = (path: string) => existsSync(new URL(`../../${path}`, import.meta.url))
    for (const [topic, { schema }] of entries) assert.ok(schema === null || there(`schemas/${schema}.avsc`), topic)
    for (const { step } of stages) assert.ok(there(step), step)
  })
})

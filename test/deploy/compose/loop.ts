/** One service a stage: all healthy; and a broker that falls silent stops no process. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { chartStages } from '../../../deploy/generate/stages.ts'
import { buildImage } from '../image/build.ts'
import { type Part, shell } from '../parts.ts'
import { helmTest } from './helm-test.ts'
import { requireImage } from './images.ts'
import { oneEach, projectOf } from './project.ts'

const stages = chartStages()
  .filter(stage => !stage.needsSources)
  .map(({ stage }) => stage)
/** Longer than any patience with a broker (src/log/kafka/retry.ts). */
const silentMs = 45_000

export const loopPart: Part = {
  name: 'loop',
  async run(say) {
    const image = await buildImage()
    await requireImage('kafka')
    const project = projectOf(oneEach, { FEEDLOOP_IMAGE: image })
    const { compose, containers, fetchIn, traffic, audit, upUntilHealthy, untilHealthy, down } = project
    try {
      await upUntilHealthy(...stages)
      say(`${stages.length} services, one a stage, all healthy`)
      await helmTest(say, project, image)
      await untilHealthy(stages)
      await compose('pause', 'kafka')
      for (const end = Date.now() + silentMs; Date.now() < end; await sleep(5000))
        for (const stage of stages) await fetchIn(stage, '/livez')
      await compose('unpause', 'kafka')
      await untilHealthy(stages)
      const ids = (await containers()).filter(({ Service }) => stages.includes(Service)).map(({ ID }) => ID)
      const restarts = await shell('docker', ['inspect', '--format', '{{.RestartCount}}', ...ids])
      assert.equal(restarts.trim(), stages.map(() => '0').join('\n'))
      const decisions = await traffic(15)
      assert.ok(decisions > 100, `${decisions} decisions`)
      await audit()
      say(`alive while the broker was silent for ${silentMs / 1000} s; then ${decisions} decisions in 15 s, audited`)
    } finally {
      await down()
    }
  },
}

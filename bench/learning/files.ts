/** E2: progressive loss of one pass over labelled files as a bandit, by shuffle. */
import { join } from 'node:path'
import { createClassification, readRows } from '../../src/environments/classification.ts'
import { bakeFile } from '../../src/evaluation/bakeoff/bakeoff.ts'
import { cpuBar, type Part, type PartOptions, surelyAtMost } from './judge.ts'

const marks = { optdigits: 0.075, letter: 0.28 }

export function benchFiles({ data, seeds, quick, say }: PartOptions): Part {
  const parts = Object.entries(marks).map(([name, atMost]) => {
    const environment = createClassification(readRows(join(data, 'uci', `${name}.arff`)))
    const [result] = bakeFile(environment, { explorers: ['thompson'], seeds: seeds ?? (quick ? 1 : 10), say })
    const bars = [surelyAtMost(`${name}: loss`, result.loss, atMost), cpuBar(name, result.cpuMsPerDecision)]
    return { result, bars }
  })
  return { results: parts.map(({ result }) => result), bars: parts.flatMap(({ bars }) => bars) }
}

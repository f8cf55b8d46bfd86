import type { ChainPoint } from '../src/stage.ts'

const ID = '0123456789abcdef'

/** A step of no chain: where nothing is recovered, any will do. */
export const pointAt = (offset: number): ChainPoint => ({
  head: { offset, id: ID },
  header: {
    version: 1,
    id: ID,
    prev: null,
    epoch: 0,
    inputs: [],
    tick: { timeMs: 0, watermarkMs: -1 },
    count: 1,
    outputs: 0,
    partitions: 1,
  },
})

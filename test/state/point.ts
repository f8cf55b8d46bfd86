import type { ChainPoint } from '../../src/stage.ts'

/** A step at `offset` of some chain. */
export const pointAt = (offset: number): ChainPoint => ({
  head: { offset, id: offset.toString(16).padStart(16, '0') },
  header: {
    version: 1,
    id: offset.toString(16).padStart(16, '0'),
    prev: null,
    epoch: 0,
    inputs: [{ topic: 'events', partition: 0, next: offset }],
    tick: { timeMs: 0, watermarkMs: -1 },
    count: 1,
    outputs: 0,
    partitions: 1,
  },
})

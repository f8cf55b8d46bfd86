/** The items' blocks: made when first needed, capped, the least seen evicted, all rescaled when weights move. */
import { type Block, blockBytes, createBlock, scaleBlock } from './block.ts'
import { contentBytes } from './content.ts'
import { featureDimensions } from './features.ts'
import { likenessBytes, vectorBytes } from './likeness.ts'
import { scaleMoments } from './moments.ts'
import type { State } from './state.ts'

/** Least seen blocks go together, this part of all, so that a full table costs little an item. */
const EVICT_PART = 64

/** The item's block; undefined for a decision that went with an evicted one. */
export function blockFor(state: State, itemId: string, timeMs: number): Block | undefined {
  let block = state.blocks.get(itemId)
  const sinceMs = block ? block.sinceMs : state.evictedUntilMs
  if (timeMs <= sinceMs) return undefined
  if (block) return block
  if (state.blocks.size >= capacity(state)) evict(state)
  if (timeMs <= state.evictedUntilMs) return undefined
  block = createBlock(state.map.dimensions, state.evictedUntilMs, state.spare.pop())
  state.blocks.set(itemId, block)
  return block
}

function capacity({ options, components, contentLength }: State): number {
  const own = blockBytes(featureDimensions(options.features), Math.max(1, components.size))
  const vectors = contentBytes(contentLength) + vectorBytes(options.history?.count ?? 0)
  const shared = likenessBytes(options.history?.count ?? 0)
  const fits = Math.floor((options.maxCheckpointBytes - shared) / (own + vectors))
  return Math.max(1, Math.min(options.maxItems, fits))
}

/** Drops the least seen blocks: by count, then the longest unseen, then id, so that every run drops the same. */
function evict(state: State): void {
  const order = [...state.blocks].sort(
    ([idA, a], [idB, b]) => a.seen - b.seen || a.lastMs - b.lastMs || (idA < idB ? -1 : 1),
  )
  const drop = state.blocks.size - capacity(state) + Math.max(1, Math.floor(state.blocks.size / EVICT_PART))
  for (const [itemId, block] of order.slice(0, drop)) {
    state.blocks.delete(itemId)
    state.spare.push(block.a)
    state.changed.add(itemId)
    state.evictedUntilMs = Math.max(state.evictedUntilMs, block.lastMs)
    state.evicted++
  }
}

/** Multiplies all sums: by a power of two, which rounds nothing. */
export function rescale(state: State, factor: number): void {
  for (const [itemId, block] of state.blocks) {
    scaleBlock(block, factor)
    state.changed.add(itemId)
  }
  scaleMoments(state.moments, factor)
}

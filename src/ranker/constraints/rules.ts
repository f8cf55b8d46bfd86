/**
 * A policy's constraints and a request's own, applied to the candidates of one decision: what is masked, pinned, counted and
 * shifted, as the record logs it. What must not be shown never gives way, then come pins, caps, floors, and the slate's length:
 * a pin of what must not be shown is dropped and its place drawn, a pin may pass a cap, floors are lowered, a slate is short.
 */
import type { Constraints, Request } from '../../../schemas/records.ts'
import type { CatalogueItem } from '../../features/store.ts'
import { unconstrained } from '../../recommendations/decision.ts'
import type { Catalogue, Found } from '../candidates.ts'
import type { Moment } from '../condition.ts'
import type { MayBeShown } from '../may-be-shown.ts'
import { createBoosts } from './boosts.ts'
import type { Hidden } from './hidden.ts'
import { createLimits, type Limits, type Pinned, unlimited } from './limits.ts'
import { findPins } from './pins.ts'
import { quotasOf } from './quotas.ts'
import type { ConstraintsConfig } from './schema.ts'

export interface Asked {
  readonly request: Request
  readonly found: Found
  readonly moment: Moment
  readonly hidden: Hidden
  /** Of any item; pins need not be candidates. */
  readonly may: MayBeShown
}

export interface Limited {
  /** Pinned items among the candidates: where nothing else was found they are all that there is. */
  readonly found: Found
  readonly constraints: Constraints
  readonly limits: Limits
  /** What gave way; empty: nothing. */
  readonly reason: '' | 'pin_dropped' | 'floor_lowered'
}

export type Limit = (asked: Asked, catalogue: Catalogue) => Limited

/** @param dimensions of item vectors */
export function createRules(config: ConstraintsConfig, dimensions: number): Limit {
  const boosts = createBoosts(config.boosts)
  const isEmpty =
    config.pinned.length + config.banned.length + config.quotas.length + config.boosts.length === 0 &&
    config.excludeSeen === undefined &&
    config.diversity === undefined
  return (asked, catalogue) => {
    const { request, hidden, moment, found } = asked
    if (isEmpty && request.excluded === null && request.pinned === null) return untouched(found)
    const { pins, dropped, candidates, vectors } = findPins(config.pinned, asked, { catalogue, dimensions })
    /** What must not be shown is out of all groups and conditions. */
    const items = candidates.map(({ item_id }) => (hidden(item_id) ? null : catalogue.features.current(item_id)))
    const constraints: Constraints = {
      masked: maskedOf(items, pins),
      counters: {},
      quotas: quotasOf(config.quotas, items, request.slots),
      shifts: boosts(items, moment),
      diversity: config.diversity ?? null,
    }
    const limits = createLimits(constraints, pins, request.slots, vectors.vectors)
    const isLowered = limits.quotas.some(({ floor }, q) => floor < constraints.quotas[q].floor)
    return {
      found: { ...found, candidates, vectors, reason: candidates.length > 0 ? '' : found.reason },
      constraints: { ...constraints, quotas: limits.quotas },
      limits,
      reason: dropped ? 'pin_dropped' : isLowered ? 'floor_lowered' : '',
    }
  }
}

const untouched = (found: Found): Limited => ({
  found,
  constraints: unconstrained,
  limits: unlimited(found.candidates.length),
  reason: '',
})

/** Hidden or pinned, ascending. */
function maskedOf(items: readonly (CatalogueItem | undefined | null)[], pins: readonly Pinned[]): number[] {
  const masked = pins.map(({ candidate }) => candidate)
  for (let i = 0; i < items.length; i++) if (items[i] === null) masked.push(i)
  return masked.sort((a, b) => a - b)
}

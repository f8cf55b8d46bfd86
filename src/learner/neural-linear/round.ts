/**
 * A round: towers trained, and the head made anew under the features that they give now.
 * Towers learn their decisions partly by heart, so what they leave over there is less than the noise. Decisions that came since
 * the last round tell by how much, and all deviations are taken so many times: without it the choice locks in early.
 */

import type { ComponentWeights } from '../../models/linear.ts'
import { itemOfBlock } from '../linear/block.ts'
import { createFeatureMap, standardisationOf } from '../linear/features.ts'
import { createTowers } from '../towers/towers.ts'
import { see } from './features.ts'
import { createHead, told } from './head.ts'
import type { Rewards, Row } from './rows.ts'
import { mapOptions, type State } from './state.ts'
import { trainRound } from './train.ts'

/** @returns statistics of the training */
export function moveFeatures(state: State): Record<string, number> {
  const { options, training, rows, features } = state
  const all = [...rows]
  const input = mapOptions(options)
  const states = all.map(row => row.state)
  const map = createFeatureMap(input, standardisationOf(states, input.numbers))
  const rewardOf = ({ rewards }: Row): number => scalarOf(rewards, options.weightOf)
  const spread = spreadOf(all, state.arrived, row => see(features, row.state).predict(row.vector) - rewardOf(row))
  // 1 while nothing but 0 has come
  const unit = rootMeanSquare(all.map(rewardOf)) || 1
  const target = { map, rewardOf: (row: Row) => rewardOf(row) / unit }
  const stats = trainRound(state.network, training, rows, target, options)
  state.features = { map, towers: createTowers(training.weights), unit, spread }
  replaceHead(state)
  state.arrived = 0
  return { ...stats, spread }
}

function replaceHead(state: State): void {
  for (const itemId of state.head.blocks.keys()) state.replaced.add(itemId)
  // with those that it evicted since the last version
  for (const { name } of state.head.snapshot('', false).tensors) {
    const itemId = itemOfBlock(name)
    if (itemId !== undefined) state.replaced.add(itemId)
  }
  state.head = createHead(state.options.embedding, state.options.head)
  state.head.learn(Array.from(state.rows, row => told(row, see(state.features, row.state), state.components.keys())))
}

/** Errors of the towers on the rows that came since they were trained, relative to those that they were trained on: what an
 * overfit leaves out of the noise. 1 where there are none of either. */
function spreadOf(rows: readonly Row[], arrived: number, errorOf: (row: Row) => number): number {
  const trained = rootMeanSquare(rows.slice(0, -arrived).map(errorOf))
  const fresh = rootMeanSquare(rows.slice(-arrived).map(errorOf))
  return trained > 0 ? Math.max(1, fresh / trained) : 1
}

const scalarOf = (rewards: Rewards, weightOf: ComponentWeights): number =>
  Object.keys(rewards)
    .sort()
    .reduce((sum, component) => sum + weightOf(component) * rewards[component], 0)

/** 0 for none. */
const rootMeanSquare = (values: readonly number[]): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / Math.max(1, values.length))

/** Rewards that come hours late, and an item that comes in mid-stream: regret relative to prompt rewards. */
import { createDelayed } from '../../src/environments/delayed.ts'
import type { Environment } from '../../src/environments/environment.ts'
import { spreadOf } from '../../src/evaluation/bakeoff/bakeoff.ts'
import { run } from '../../src/evaluation/bakeoff/in-time.ts'
import { type Part, type PartOptions, range, surelyAtMost } from './judge.ts'

const hourMs = 3_600_000
const HOURS = 100
const DELAY_HOURS = 3

export function benchDelay({ quick, seeds, say }: PartOptions): Part {
  const decisions = quick ? 4000 : 8000
  const regret = (seed: number, delayHours: number, delays: boolean): number => {
    const environment = createDelayed({ delayHours, newItemFrom: decisions / 8, hourMs })
    const { rewards } = run({
      environment,
      decisions,
      seed,
      paceMs: (HOURS * hourMs) / decisions,
      delays,
      positions: false,
    })
    return best(environment, decisions, seed) - rewards.reduce((sum, reward) => sum + reward, 0)
  }
  const runs = range(seeds ?? (quick ? 3 : 20)).map(seed => {
    const prompt = regret(seed, 0, false)
    const late = { weighed: regret(seed, DELAY_HOURS, true), naive: regret(seed, DELAY_HOURS, false) }
    say(
      `delay seed ${seed}: regret ${prompt.toFixed(0)}, late ${late.weighed.toFixed(0)}, naive ${late.naive.toFixed(0)}`,
    )
    return { seed, prompt, ...late }
  })
  const typical = spreadOf(runs.map(({ prompt }) => prompt)).mean
  const weighed = spreadOf(runs.map(each => 1 + (each.weighed - each.prompt) / typical))
  const naive = spreadOf(runs.map(each => 1 + (each.naive - each.prompt) / typical))
  const bars = [surelyAtMost('delay: regret relative to prompt rewards', weighed, 1.3)]
  return { results: { environment: 'delayed', decisions, runs, weighed, naive }, bars }
}

/** Sum of the expected rewards of the best item on offer. */
function best(environment: Environment, decisions: number, seed: number): number {
  let sum = 0
  let made = 0
  for (let index = 0; made < decisions; index++) {
    const session = environment.session(index, seed)
    for (let observation = session.reset(); !observation.done && made < decisions; made++) {
      sum += Math.max(...observation.candidates!.map(item => worth(environment, index, seed, item)))
      observation = session.step([observation.candidates![0]]).next
    }
  }
  return sum
}

function worth(environment: Environment, index: number, seed: number, item: string): number {
  const session = environment.session(index, seed)
  session.reset()
  return session.step([item]).expectedReward
}

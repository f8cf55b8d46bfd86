/** Worlds in which a decision has consequences: what must hold of each, then that their stated processes are what is played. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseConfig } from '../../src/config.ts'
import { createCartpole, hasFallen, MAX_STEPS, moveCart } from '../../src/environments/cartpole.ts'
import { chancesOf, expectedStay, offers, sessionsMdp } from '../../src/environments/ecommerce.ts'
import { type Environment, shareOfReturn } from '../../src/environments/environment.ts'
import { openEnvironment } from '../../src/environments/open.ts'
import { choiceChances } from '../../src/environments/slate-choice.ts'
import { createRandom } from '../../src/state/random.ts'
import { evaluatePolicy, expectedReturn } from '../../src/tabular/evaluate.ts'
import { policyIteration, valueIteration } from '../../src/tabular/iteration.ts'
import { checkMdp, type Mdp, type PolicyTable, uniformPolicy } from '../../src/tabular/mdp.ts'

interface Played {
  readonly sessions: number
  readonly decisions: number
  /** Discounted sums of true expected rewards, by session. */
  readonly returns: readonly number[]
  /** Sums of true expected rewards, and of what came. */
  readonly expected: number
  readonly earned: number
  /** Whether the last thing known of each is that the person left. */
  readonly left: number
}

/** Sessions of random slates. @param see each decision: context before, slate, context after */
function play(
  environment: Environment,
  sessions: number,
  see: (before: string, slate: readonly string[], after: string) => void = () => {},
): Played {
  const random = createRandom(11)
  const items = environment.items().map(({ item_id }) => item_id)
  const { rewards } = parseConfig(environment.preset).policies[0]
  const played = { sessions: 0, decisions: 0, returns: [] as number[], expected: 0, earned: 0, left: 0 }
  for (let index = 0; index < sessions; index++) {
    const session = environment.session(index, 5)
    let observation = session.reset()
    if (observation.done) continue
    let [sum, weight] = [0, 1]
    while (!observation.done) {
      const left = [...items]
      const slate = Array.from({ length: observation.slots }, () => left.splice(random.uniform() * left.length, 1)[0])
      const { outcomes, expectedReward, next } = session.step(slate)
      see(JSON.stringify(observation.context), slate, JSON.stringify(next.context))
      played.decisions++
      played.expected += expectedReward
      sum += weight * expectedReward
      weight *= environment.discount ?? 1
      for (const { type, value } of outcomes)
        played.earned += rewards[type].weight * (rewards[type].value === 'value' ? value! : Number(rewards[type].value))
      observation = next
    }
    played.sessions++
    played.returns.push(sum)
    if (observation.organic.some(({ type }) => type === 'leave')) played.left++
  }
  return played
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
const standardError = (values: readonly number[]) => {
  const m = mean(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - m) ** 2, 0) / (values.length - 1) / values.length)
}

/** J of chance less what comes after so many decisions: J - γ^T E[v(s_T)]. */
function observedReturn(mdp: Mdp, observed: number): number {
  const policy = uniformPolicy(mdp)
  let at = mdp.initial
  for (let t = 0; t < observed; t++) {
    const next = new Float64Array(at.length)
    at.forEach((mass, s) => {
      policy[s].forEach((p, a) => {
        mdp.transitions[s][a].forEach((q, to) => {
          next[to] += mass * p * q
        })
      })
    })
    at = next
  }
  const values = evaluatePolicy(mdp, policy)
  const later = at.reduce((sum, mass, s) => sum + mass * values[s], 0)
  return expectedReturn(mdp, policy) - mdp.discount ** observed * later
}

const sessions = {
  'long-term': 2000,
  'slate-choice': 2000,
  'e-commerce-sessions': 8000,
  'recogym-sessions': 6000,
  cartpole: 2000,
}

for (const [name, count] of Object.entries(sessions))
  describe(name, () => {
    const environment = openEnvironment(name)
    const returns = environment.returns!()
    const played = play(environment, count)
    test('it is learned with its own discount, and there is room between chance and the optimum', () => {
      const { gamma } = parseConfig(environment.preset).policies[0]
      assert.ok(environment.discount === undefined ? gamma >= 0.99 : gamma === environment.discount)
      assert.ok(returns.random < 0.8 * returns.optimum, JSON.stringify(returns))
    })
    test('chance earns what it says a session, by expectation and by what people do', () => {
      const value = mean(played.returns)
      const within = 4 * standardError(played.returns) + 0.005 * returns.random
      const stated = environment.finite ? observedReturn(environment.finite.mdp, 30) : returns.random
      assert.ok(Math.abs(value - stated) < within, `${value}, stated ${stated}`)
      assert.ok(Math.abs(played.earned / played.expected - 1) < 0.08, `${played.earned}, ${played.expected}`)
      const rate = played.expected / played.decisions
      assert.ok(Math.abs(rate / environment.rates().random - 1) < 0.06, `a decision ${rate}`)
    })
    test('every session ends by a leave, or where observation does none', () => {
      assert.equal(played.left, environment.finite ? 0 : played.sessions)
      if (environment.finite) assert.equal(played.decisions, 30 * played.sessions)
    })
    test('a session is decided by seed and index alone', () => {
      assert.deepEqual(play(environment, 30), play(environment, 30))
    })
  })

for (const name of ['long-term', 'slate-choice'])
  describe(`${name} as a Markov decision process`, () => {
    const environment = openEnvironment(name)
    const { mdp, slates, observe } = environment.finite!
    const states = new Map(mdp.rewards.map((_, state) => [JSON.stringify(observe(state).context), state]))
    test('it is one, and its states are told apart', () => {
      checkMdp(mdp)
      assert.equal(states.size, mdp.rewards.length)
    })
    test('value iteration finds the optimum that the environment states', () => {
      const { values, errorBound } = valueIteration(mdp)
      const optimum = values.reduce((sum, value, s) => sum + mdp.initial[s] * value, 0)
      assert.ok(errorBound <= 1e-12)
      assert.ok(Math.abs(optimum - environment.returns!().optimum) < 1e-9)
    })
    test('what is played moves as it says', () => {
      const keyOf = (slate: readonly string[]) => [...slate].sort().join()
      const actions = new Map(slates.map((slate, a) => [keyOf(slate), a]))
      const seen = mdp.transitions.map(rows => rows.map(row => new Float64Array(row.length)))
      play(environment, 6000, (before, slate, after) => {
        const counts = seen[states.get(before)!][actions.get(keyOf(slate))!]
        counts[states.get(after)!]++
      })
      let [square, cells] = [0, 0]
      seen.forEach((rows, s) => {
        rows.forEach((counts, a) => {
          const total = counts.reduce((sum, n) => sum + n, 0)
          mdp.transitions[s][a].forEach((p, to) => {
            if (p < 1e-12) assert.equal(counts[to], 0, `${s} ${a} ${to}`)
            else if (p < 1 && total * p > 5) {
              square += (counts[to] - total * p) ** 2 / (total * p * (1 - p))
              cells++
            }
          })
        })
      })
      assert.ok(cells > 50 && Math.abs(square / cells - 1) < 0.35, `${square / cells} over ${cells}`)
    })
  })

describe('long-term', () => {
  const environment = openEnvironment('long-term')
  const returns = environment.returns!()
  const { mdp } = environment.finite!
  test('the next click misleads: provably less than .7 of the way, here less than chance', () => {
    assert.ok(shareOfReturn(returns.myopic!, returns) < -0.5)
  })
  test('no item is good everywhere', () => {
    for (const a of mdp.rewards[0].keys()) {
      const always = mdp.rewards.map(row => row.map((_, i) => (i === a ? 1 : 0)))
      assert.ok(shareOfReturn(expectedReturn(mdp, always), returns) < 0.2)
    }
  })
  test('optimal is to raise satisfaction to 8 before it is spent', () => {
    const shown = policyIteration(mdp).policy.map(row => row.indexOf(1))
    assert.deepEqual(shown, [2, 2, 2, 2, 2, 2, 2, 2, 0, 0])
  })
})

describe('slate-choice', () => {
  const environment = openEnvironment('slate-choice')
  const returns = environment.returns!()
  const { mdp, slates } = environment.finite!
  test('who judges a slate by its next reward gets six tenths of the way', () => {
    const share = shareOfReturn(returns.myopic!, returns)
    assert.ok(share > 0.5 && share < 0.7, String(share))
  })
  test('who judges each place by itself earns little more than chance', () => {
    const share = shareOfReturn(expectedReturn(mdp, singleItem(mdp, slates)), returns)
    assert.ok(share < 0.2, String(share))
  })
  test('by hand: the choice between two and nothing', () => {
    const [a, b] = choiceChances(['i0', 'i4'], 7)
    const total = Math.exp(2) + Math.exp(0) + Math.exp(-1)
    assert.ok(Math.abs(a - Math.exp(2) / total) < 1e-12 && Math.abs(b - 1 / total) < 1e-12)
  })
})

/**
 * The fixed point of learning one value an item and showing the three best: q(s, i) is what a place that shows i earns by itself
 * and a third of what comes after (three places share it), averaged over the slates that the policy, with a tenth of chance, shows i in.
 */
function singleItem(mdp: Mdp, slates: readonly (readonly string[])[]): PolicyTable {
  const items = [...new Set(slates.flat())].sort()
  const worths: Record<string, number> = {}
  for (const item of items) worths[item] = { 0: 0.7, 1: 0.7, 2: 0.7, 6: 0.6, 7: 0.8 }[item.slice(1)] ?? 1
  let soft = uniformPolicy(mdp)
  let best: PolicyTable = soft
  for (let round = 0; round < 100; round++) {
    const values = evaluatePolicy(mdp, soft).map(value => value / 3)
    best = mdp.rewards.map((_, s) => {
      const q = items.map(item => {
        let [sum, weight] = [0, 0]
        slates.forEach((slate, a) => {
          const place = slate.indexOf(item)
          if (place < 0) return
          const w = soft[s][a] + 1e-4
          const later = mdp.transitions[s][a].reduce((total, p, to) => total + p * values[to], 0)
          sum += w * (choiceChances(slate, s)[place] * worths[item] + later)
          weight += w
        })
        return sum / weight
      })
      const top = [...items].sort((a, b) => q[items.indexOf(b)] - q[items.indexOf(a)]).slice(0, 3)
      return Float64Array.from(slates, slate => (top.every(item => slate.includes(item)) ? 1 : 0))
    })
    soft = soft.map((row, s) => row.map((p, a) => 0.9 * p + 0.1 * (0.9 * best[s][a] + 0.1 / slates.length)))
  }
  return best
}

describe('the shop, in sessions', () => {
  const mdp = sessionsMdp()
  test('it is a process, and by hand: how long a person stays', () => {
    checkMdp(mdp)
    const someone = { gender: 'female', age: 'old', interest: 'books', bought: false } as const
    const chances = chancesOf(offers.find(({ id }) => id === 'coupon-books')!, someone)
    // clicks .3, of which half buy, of which 5 % send it back
    const byHand = 0.15 * (0.05 * 0.2 + 0.95 * 0.95) + 0.15 * 0.9 + 0.7 * 0.8
    assert.ok(Math.abs(expectedStay(chances) - byHand) < 1e-12)
  })
  test('it pays to forgo some sales: the best by the next reward is not the best', () => {
    const returns = openEnvironment('e-commerce-sessions').returns!()
    assert.ok(returns.myopic! < returns.optimum - 0.01)
  })
})

describe('cartpole', () => {
  test('three pushes from the equations of Gymnasium, computed apart', () => {
    let cart = { position: 0.01, velocity: -0.02, angle: 0.03, angularVelocity: 0.04 }
    for (const force of [10, -10, 10]) cart = moveCart(cart, force)
    const expected = {
      position: 0.012676206935987267,
      velocity: 0.1738717748734813,
      angle: 0.027121985639588165,
      angularVelocity: -0.22521957255967331,
    }
    for (const key of Object.keys(expected) as (keyof typeof expected)[])
      assert.ok(Math.abs(cart[key] - expected[key]) < 1e-12, key)
  })
  test('a pole that is held is truncated after 500 steps, one that falls leaves', () => {
    const environment = createCartpole()
    const run = (push: (context: Record<string, number>) => boolean) => {
      const session = environment.session(0, 3)
      let observation = session.reset()
      let steps = 0
      for (; !observation.done; steps++)
        observation = session.step([push(observation.context as Record<string, number>) ? 'push1' : 'push0']).next
      return { steps, left: observation.organic.length === 1 }
    }
    const held = ({ angle, angularVelocity, position, velocity }: Record<string, number>) =>
      0.209 * angle + 0.3 * angularVelocity + 0.05 * position + 0.05 * velocity > 0
    assert.deepEqual(run(held), { steps: MAX_STEPS, left: false })
    const pushed = run(() => true)
    assert.ok(pushed.steps < 15 && pushed.left)
    assert.equal(hasFallen({ position: 2.41, velocity: 0, angle: 0, angularVelocity: 0 }), true)
  })
})

/** What must hold of every world that needs no file, then what is special about each. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseConfig } from '../../src/config.ts'
import { createDelayed } from '../../src/environments/delayed.ts'
import { createDrifting } from '../../src/environments/drifting.ts'
import { chancesOf, createEcommerce, offers } from '../../src/environments/ecommerce.ts'
import type { Act, Environment, Observation } from '../../src/environments/environment.ts'
import { openEnvironment } from '../../src/environments/open.ts'
import { createSlates, examination } from '../../src/environments/slates.ts'
import { createStateEncoder } from '../../src/state/encode.ts'
import { createRandom } from '../../src/state/random.ts'

const worlds: Record<string, Environment> = {
  drifting: openEnvironment('drifting'),
  'drifting-slow': createDrifting({ drift: 'slow', sessions: 4000 }),
  delayed: createDelayed({ delayHours: 3, newItemFrom: 0, hourMs: 3_600_000 }),
  slates: openEnvironment('slates'),
  'e-commerce': openEnvironment('e-commerce'),
}

type Choose = (observation: Observation, items: readonly string[]) => readonly string[]

/** Mean expected reward, mean reward by the acts, and the acts, of a way to choose. */
function run(environment: Environment, sessions: number, choose: Choose, seed = 3) {
  const items = environment.items().map(item => item.item_id)
  const { rewards } = parseConfig(environment.preset).policies[0]
  const total = { decisions: 0, expected: 0, earned: 0, acts: [] as Act[] }
  for (let index = 0; index < sessions; index++) {
    const session = environment.session(index, seed)
    for (let observation = session.reset(); !observation.done; ) {
      const { outcomes, expectedReward, next } = session.step(choose(observation, observation.candidates ?? items))
      total.decisions++
      total.expected += expectedReward
      for (const { type, value } of outcomes) {
        const component = rewards[type]
        total.earned += component.weight * (component.value === 'value' ? value! : component.value)
      }
      total.acts.push(...outcomes)
      observation = next
    }
  }
  return total
}

const randomly = (seed: number): Choose => {
  const random = createRandom(seed)
  return ({ slots }, items) => {
    const left = [...items]
    return Array.from({ length: slots }, () => left.splice(Math.floor(random.uniform() * left.length), 1)[0])
  }
}

for (const [name, environment] of Object.entries(worlds))
  describe(name, () => {
    const rates = environment.rates()
    test('its preset is a configuration, and its rates are ordered with room to learn', () => {
      parseConfig(environment.preset)
      assert.ok(rates.random < rates.bestFixed && rates.bestFixed < rates.oracle, JSON.stringify(rates))
      assert.ok((rates.bestFixed - rates.random) / (rates.oracle - rates.random) < 0.9, 'context matters')
    })
    test('random choice earns the exact rate, by expectation and by what people do', () => {
      const { decisions, expected, earned } = run(environment, 4000, randomly(5))
      const mean = expected / decisions
      assert.ok(Math.abs(mean / rates.random - 1) < 0.03, `${mean}, exact ${rates.random}`)
      assert.ok(Math.abs(earned / expected - 1) < 0.06, `earned ${earned}, expected ${expected}`)
    })
    test('a session is decided by seed and index alone', () => {
      const acts = (seed: number) => run(environment, 30, randomly(9), seed)
      assert.deepEqual(acts(1), acts(1))
      assert.notDeepEqual(acts(1), acts(2))
    })
  })

test('people told apart by context are told apart by the encoded state', () => {
  for (const name of ['drifting', 'delayed', 'slates', 'e-commerce']) {
    const encoder = createStateEncoder(parseConfig(worlds[name].preset))
    const contexts = new Map<string, Observation['context']>()
    for (let index = 0; index < 400; index++) {
      const { context } = worlds[name].session(index, 1).reset()
      contexts.set(JSON.stringify(context), context)
    }
    const vectors = [...contexts.values()].map(context =>
      encoder.encode({ profile_version: 0, profile: null, history: [], counts: {}, context }, () => undefined).join(),
    )
    assert.equal(new Set(vectors).size, contexts.size, name)
    assert.ok(contexts.size >= 4)
  }
})

describe('drift', () => {
  const environment = createDrifting({ drift: 'abrupt', sessions: 2000 })
  const likes = (index: number) =>
    environment.items().map(({ item_id }) => {
      const session = environment.session(index, 1)
      const { context } = session.reset()
      return { group: context.group, reward: session.step([item_id]).expectedReward }
    })
  const favourites = (from: number) => {
    const best = new Map<unknown, number>()
    for (let index = from; best.size < 6; index++) {
      const rewards = likes(index)
      best.set(
        rewards[0].group,
        rewards.map(each => each.reward).indexOf(Math.max(...rewards.map(each => each.reward))),
      )
    }
    return best
  }
  test('an abrupt swap gives most groups another favourite, and only then', () => {
    const [early, late, after] = [favourites(0), favourites(1900), favourites(2000)]
    assert.deepEqual([...early].sort(), [...late].sort())
    const moved = [...early].filter(([group, item]) => after.get(group) !== item)
    assert.ok(moved.length >= 4, `${moved.length} of 6`)
  })
})

describe('delays', () => {
  const hourMs = 3_600_000
  const options = { delayHours: 3, newItemFrom: 100, hourMs }
  test('purchases come hours later, by an exponential law; without delay at once', () => {
    const delays = run(createDelayed(options), 4000, randomly(1)).acts.map(act => act.delayMs / hourMs)
    const mean = delays.reduce((sum, delay) => sum + delay, 0) / delays.length
    assert.ok(Math.abs(mean - 3) < 0.25, `${mean} h`)
    const late = delays.filter(delay => delay > 3).length / delays.length
    assert.ok(Math.abs(late - Math.exp(-1)) < 0.03, `${late} beyond the mean`)
    assert.ok(run(createDelayed({ ...options, delayHours: 0 }), 50, randomly(1)).acts.every(act => act.delayMs === 0))
  })
  test('the new item is on offer from its session on, and worth finding', () => {
    const environment = createDelayed(options)
    assert.equal(environment.session(99, 1).reset().candidates!.includes('i9'), false)
    assert.equal(environment.session(100, 1).reset().candidates!.includes('i9'), true)
    const shown = run(environment, 400, () => ['i9'])
    assert.ok(shown.expected / shown.decisions > environment.rates().random)
  })
})

describe('slates', () => {
  test('the same items earn by the place they stand at', () => {
    const { acts, decisions } = run(createSlates(), 6000, randomly(2))
    assert.ok(acts.every(act => act.type === 'click'))
    const environment = createSlates()
    const [best] = [...environment.liking].sort((a, b) => b[1] - a[1])[0]
    const others = environment.items().flatMap(({ item_id }) => (item_id === best ? [] : [item_id]))
    const clicksAt = (place: number) => {
      const slate = others.slice(0, 4).toSpliced(place, 0, best)
      const { acts } = run(environment, 2000, () => slate)
      return acts.filter(act => act.itemId === best).length
    }
    const ratio = clicksAt(3) / clicksAt(0)
    assert.ok(Math.abs(ratio - examination[3]) < 0.05, `${ratio}, ${decisions}`)
  })
})

describe('the shop', () => {
  const someone = { gender: 'female', age: 'old', interest: 'books' } as const
  const offer = (id: string) => offers.find(each => each.id === id)!
  test('by hand: a coupon sells to who never bought', () => {
    assert.deepEqual(chancesOf(offer('coupon-books'), { ...someone, bought: false }), {
      click: 0.3,
      purchase: 0.15,
      stars: 3.4,
      refund: 0.05,
    })
    assert.equal(chancesOf(offer('coupon-books'), { ...someone, bought: true }).purchase, 0.03)
  })
  test('what was browsed and bought comes before the first request', () => {
    const seen = Array.from({ length: 60 }, (_, index) => createEcommerce().session(index, 1).reset())
    for (const { organic, context } of seen) {
      assert.equal(organic.filter(each => each.type === 'view').length, 3)
      assert.equal(
        organic.some(each => each.type === 'purchase'),
        context.bought,
      )
    }
  })
  test('every kind of reward happens, the guard too', () => {
    const types = new Set(run(createEcommerce(), 4000, randomly(1)).acts.map(act => act.type))
    assert.deepEqual([...types].sort(), ['click', 'purchase', 'rating', 'refund'])
  })
})

/**
 * The pole on a cart (Barto, Sutton & Anderson 1983), as Gymnasium's CartPole-v1 has it: semi-explicit Euler steps of .02 s,
 * a push of 10 N to the left or to the right, 1 a step, the falling one included. The episode terminates when the pole leans by more than 12°
 * or the cart is off by more than 2.4 m, and is truncated after 500 steps. A check of learners on ground that all know;
 * the context is position and angle in units of their bounds, and the velocities.
 */
import { createRandom, type Random, seedOf } from '../state/random.ts'
import type { Environment, Observation } from './environment.ts'
import { plainItems } from './population.ts'
import { act, leave } from './visits.ts'

const GRAVITY = 9.8
const CART_MASS = 1
const POLE_MASS = 0.1
const TOTAL_MASS = CART_MASS + POLE_MASS
/** Half of the pole's, m. */
const LENGTH = 0.5
const FORCE = 10
const STEP_S = 0.02
const MAX_POSITION = 2.4
const MAX_ANGLE = (12 * 2 * Math.PI) / 360
export const MAX_STEPS = 500
/** From which the mean of random pushes is known to within .1. */
const EPISODES = 20_000
/** The start: each number uniform within ± this. */
const START = 0.05

const itemIds = ['push0', 'push1'] as const

export interface Cart {
  readonly position: number
  readonly velocity: number
  /** Rad. */
  readonly angle: number
  readonly angularVelocity: number
}

/** One step of .02 s under a push. @param force N, positive to the right */
export function moveCart({ position, velocity, angle, angularVelocity }: Cart, force = FORCE): Cart {
  const [sin, cos] = [Math.sin(angle), Math.cos(angle)]
  const pull = (force + POLE_MASS * LENGTH * angularVelocity ** 2 * sin) / TOTAL_MASS
  const angular = (GRAVITY * sin - cos * pull) / (LENGTH * (4 / 3 - (POLE_MASS * cos ** 2) / TOTAL_MASS))
  const linear = pull - (POLE_MASS * LENGTH * angular * cos) / TOTAL_MASS
  return {
    position: position + STEP_S * velocity,
    velocity: velocity + STEP_S * linear,
    angle: angle + STEP_S * angularVelocity,
    angularVelocity: angularVelocity + STEP_S * angular,
  }
}

export const hasFallen = ({ position, angle }: Cart): boolean =>
  Math.abs(position) > MAX_POSITION || Math.abs(angle) > MAX_ANGLE

export function createCartpole(): Environment {
  let random: number | undefined
  return {
    name: 'cartpole',
    preset,
    inEventTime: true,
    items: () => plainItems(itemIds),
    rates: () => ({
      random: 1,
      bestFixed: 1,
      oracle: 1,
      how: 'a step earns 1 as long as there is one: see the returns',
    }),
    returns() {
      random ??= meanSteps(createRandom(seedOf('cartpole/returns')), EPISODES)
      return {
        random,
        optimum: MAX_STEPS,
        how: `steps of an episode; random: mean of ${EPISODES} episodes, seed fixed`,
      }
    },
    session(index, seed) {
      const id = `c${seed}-${index}`
      let cart = start(createRandom(seedOf(`cartpole/${id}`)))
      let steps = 0
      const observe = (): Observation => ({
        organic: hasFallen(cart) ? [leave] : [],
        candidates: null,
        context: contextOf(cart),
        slots: 1,
        done: hasFallen(cart) || steps === MAX_STEPS,
      })
      return {
        userId: `u${id}`,
        sessionId: id,
        reset: observe,
        step([shown]) {
          cart = moveCart(cart, shown === itemIds[1] ? FORCE : -FORCE)
          steps++
          return { outcomes: [act('balance', shown)], expectedReward: 1, next: observe() }
        },
      }
    },
  }
}

/** Of random pushes. */
function meanSteps(random: Random, episodes: number): number {
  let steps = 0
  for (let episode = 0; episode < episodes; episode++)
    for (let cart = start(random); !hasFallen(cart); steps++)
      cart = moveCart(cart, random.uniform() < 0.5 ? FORCE : -FORCE)
  return steps / episodes
}

function start(random: Random): Cart {
  const within = () => START * (2 * random.uniform() - 1)
  return { position: within(), velocity: within(), angle: within(), angularVelocity: within() }
}

const contextOf = ({ position, velocity, angle, angularVelocity }: Cart): Observation['context'] => ({
  position: position / MAX_POSITION,
  velocity,
  angle: angle / MAX_ANGLE,
  angularVelocity,
})

/** Learners' settings are this environment's, as is usual: what a push does shows later than what people are shown. */
const preset: Environment['preset'] = {
  features: { encoder: 'hashed', dimensions: 4 },
  // an episode is ahead of the clock by a second a step
  limits: { futureSkewMs: 2 * MAX_STEPS * 1000 },
  state: { blocks: ['numbers'], numbers: ['position', 'velocity', 'angle', 'angularVelocity'], historyLength: 0 },
  policies: [
    {
      rewards: { balance: {} },
      gamma: 0.99,
      a3c: { segmentLength: 32, learningRate: 0.002 },
      vTrace: { segmentLength: 32, learningRate: 0.001, bufferSize: 10_000, entropy: 0.03 },
      dqn: { learningRate: 0.001, batchSize: 128, stepsPerBatch: 8, returnSteps: 10 },
    },
  ],
}

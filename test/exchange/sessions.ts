/** A small loop with sessions of several decisions, rewards by two components, late and taken back ones, and an end. */
import type { TestContext } from 'node:test'
import type { Transition } from '../../schemas/records.ts'
import { readChain } from '../../src/evaluation/audit/read.ts'
import type { ServiceContext } from '../../src/operate/context.ts'
import { did, type Live, openLive, publishItems, request } from '../operate/live.ts'

export const weights = { click: 1, purchase: 5 }
export const items = ['a', 'b', 'c']

export async function openSessions(t: TestContext): Promise<Live> {
  const live = await openLive(t, {
    features: { dimensions: 3 },
    state: { blocks: ['history', 'context'], contextDimensions: 2 },
    policies: [
      {
        gamma: 0.9,
        rewards: {
          click: { weight: weights.click },
          purchase: { value: 'value', weight: weights.purchase },
          refund: { cancels: 'purchase' },
        },
      },
    ],
  })
  await publishItems(live, items)
  await live.start()
  await visit(live, ['ann', 'bob', 'zoë 🦊'])
  return live
}

/** Of each three decisions of two slots; a click on the first, two purchases on the second of which one is taken back, and
 * the user leaves. What comes together is joined together, so each of four times there are revisions. */
async function visit(live: Live, users: readonly string[]): Promise<void> {
  const now = Date.now()
  const session = (user: string): string => `${user}'s`
  for (const user of users)
    for (const step of [0, 1, 2]) {
      const asked = { request_id: `${user}/${step}`, session_id: session(user), slots: 2, context: { step } }
      await live.append('requests', user, request(user, { ...asked, time_ms: now + 1000 * step }))
    }
  await live.settled()
  const shown = new Map((await live.decisions()).map(each => [each.decision_id, each.slots[0].item_id]))
  const tell = async (
    events: readonly (readonly [type: string, step: number, value: number | null])[],
  ): Promise<void> => {
    for (const user of users)
      for (const [type, step, value] of events) {
        const decision_id = `${user}/${step}`
        const outcome = { decision_id, item_id: shown.get(decision_id), value, session_id: session(user) }
        await live.append('events', user, did(user, type, { ...outcome, time_ms: now + 1000 * step + 100 }))
      }
    await live.settled()
  }
  await tell([
    ['click', 0, null],
    ['purchase', 1, 20],
  ])
  await tell([['purchase', 1, 3]])
  await tell([['refund', 1, 20]])
  for (const user of users)
    await live.append('events', user, did(user, 'leave', { session_id: session(user), time_ms: now + 4000 }))
  await live.settled()
}

/** All accepted revisions, partition by partition. */
export async function revisionsOf(context: ServiceContext): Promise<Transition[]> {
  const all: Transition[] = []
  for (let p = 0; p < context.config.topics.partitions; p++)
    await readChain({ ...context, prefix: context.config.topics.prefix }, 'transitions', p, record => {
      all.push(context.wire.decode('transitions', record.value!) as Transition)
    })
  return all
}

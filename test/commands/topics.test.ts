/** What `topics apply` says of what it did, and of what is not its own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeApplied, unseen } from '../../src/commands/topics.ts'
import { FeedloopError } from '../../src/errors.ts'

const missing = 'web.clicks: missing; a topic of `sources`, which is yours to make'
const cases: [string, readonly string[], readonly string[], string][] = [
  ['nothing was missing', [], [], 'all topics are as they must be'],
  ['what it made', ['p.requests', 'p.events'], [], 'made p.requests, p.events\nall topics are as they must be'],
  [
    'a source without its topic is no failure, and not passed over',
    ['p.requests'],
    [missing],
    `made p.requests\nthe topics of the loop are as they must be; of yours:\n  ${missing}`,
  ],
]
for (const [name, made, sources, text] of cases) test(name, () => assert.equal(describeApplied(made, sources), text))

test('sources that may not be seen are no failure, a log that is away is', () => {
  assert.match(unseen(new FeedloopError('LOG_FORBIDDEN', 'web.clicks'))[0], /not known: LOG_FORBIDDEN: web.clicks/)
  assert.throws(() => unseen(new FeedloopError('LOG_UNAVAILABLE', 'away')), /LOG_UNAVAILABLE/)
})

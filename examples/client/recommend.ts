/** Asks for a slate and tells of a click: node_modules/.bin/node examples/client/recommend.ts http://127.0.0.1:8080 (Node 24). A policy in `apprentice` mode
 * shows what a request sends along as `baseline`, and nothing without. */
import { createClient, FeedloopProblem } from '../../src/gateway/client.ts'

const client = createClient({ url: process.argv[2] ?? 'http://127.0.0.1:8080', timeoutMs: 5000 })

try {
  const slate = await client.recommend({ user_id: 'ann', slots: 2, context: { device: 'phone' } })
  if (slate.logged && slate.items.length > 0) {
    const { decision_id, slate_hash, items } = slate
    await client.tell([{ user_id: 'ann', type: 'click', decision_id, slate_hash, item_id: items[0] }])
  }
  console.log(JSON.stringify(slate))
} catch (problem) {
  if (!(problem instanceof FeedloopProblem)) throw problem
  console.error(problem.message)
  process.exitCode = 1
}

import { test } from 'node:test'
import { checkAccounts, checkLearning, shortLoop } from './loop.ts'

test('the whole loop on the embedded log learns, and its accounts balance', { timeout: 120_000 }, async () => {
  const report = await shortLoop('embedded')
  checkAccounts(report)
  checkLearning(report)
})

for (const algorithm of ['neural-linear', 'two-tower'] as const)
  test(`the whole loop with the ${algorithm} learner balances`, { timeout: 120_000 }, async () => {
    checkAccounts(await shortLoop('embedded', algorithm))
  })

import { test } from 'node:test'
import { checkAccounts, checkLearning, shortLoop } from './loop.ts'

test('the whole loop on the embedded log learns, and its accounts balance', { timeout: 120_000 }, async () => {
  const report = await shortLoop('embedded')
  checkAccounts(report)
  checkLearning(report)
})

test('the whole loop with the two-tower learner balances', { timeout: 120_000 }, async () => {
  checkAccounts(await shortLoop('embedded', 'two-tower'))
})

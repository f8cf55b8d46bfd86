/** `feedloop schemas`: all are registered, or none where one does not fit what is there. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pushSchemas, subjectsOf } from '../../src/commands/schemas.ts'
import { parseConfig } from '../../src/config.ts'
import { answer, startRegistry } from '../wire/registry-server.ts'

async function registryOf(t: TestContext) {
  const registry = await startRegistry()
  t.after(() => registry.close())
  return registry
}

test('every topic with records gets its subject, FULL; pushing again changes nothing', async t => {
  const registry = await registryOf(t)
  const config = parseConfig({ registry: { url: registry.url }, topics: { prefix: 'shop.' } })
  const ids = await pushSchemas(config)
  assert.equal(Object.keys(ids).length, 11)
  assert.equal(registry.schemas[ids['shop.requests-value'] - 1], registry.subjects.get('shop.requests-value'))
  assert.equal(registry.compatibility.get('shop.transitions-value'), 'FULL')
  assert.deepEqual(await pushSchemas(config), ids)
})

test('one that does not fit is named, with the reason of the registry, and nothing is registered', async t => {
  const registry = await registryOf(t)
  const config = parseConfig({ registry: { url: registry.url } })
  const older = { type: 'record', name: 'Transition', fields: [{ name: 'transition_id', type: 'long' }] }
  ;(registry.subjects as Map<string, string>).set('feedloop.transitions-value', JSON.stringify(older))
  await assert.rejects(pushSchemas(config), /REGISTRY_REFUSED: \n {2}feedloop\.transitions-value: .*Transition/)
  assert.deepEqual([...registry.subjects.keys()], ['feedloop.transitions-value'])
})

test('without a registry, and with one that is away, it says so', async t => {
  await assert.rejects(async () => pushSchemas(parseConfig({})), /CONFIG_INVALID: no registry/)
  const registry = await registryOf(t)
  registry.fault = (_, response) => answer(response, 503, {})
  const config = parseConfig({ registry: { url: registry.url } })
  await assert.rejects(pushSchemas(config), /REGISTRY_UNAVAILABLE/)
})

test('the registry sees the user, or the token, of the files; a wrong one is refused for good', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'feedloop-registry-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const secret = join(folder, 'secret')
  const registry = await registryOf(t)
  const basic = `Basic ${Buffer.from('ann:open:sesame').toString('base64')}`
  registry.fault = ({ headers }, response) =>
    ![basic, 'Bearer open:sesame'].includes(headers.authorization ?? '') && answer(response, 401, { message: 'who?' })
  const [user, token] = [{ username: 'ann', passwordFile: secret }, { tokenFile: secret }].map(login =>
    parseConfig({ registry: { url: registry.url, ...login } }),
  )
  writeFileSync(secret, 'open:sesame\n')
  for (const config of [user, token])
    assert.equal(Object.keys(await pushSchemas(config)).length, subjectsOf(config).length)
  // read at each call: a new one holds without a restart
  writeFileSync(secret, 'another\n')
  for (const config of [user, token])
    await assert.rejects(pushSchemas(config), (error: Error) => {
      assert.match(error.message, /^REGISTRY_REFUSED: /)
      assert.doesNotMatch(error.message, /another/)
      return true
    })
})

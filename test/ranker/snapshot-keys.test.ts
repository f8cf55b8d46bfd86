/** All keys of a state in slices, between which it changes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { keyOfPage } from '../../src/ranker/snapshot.ts'
import { walkKeys } from '../../src/ranker/snapshot-keys.ts'
import { heapTables } from '../../src/ranker/state.ts'
import { newUser } from '../../src/state/user.ts'

const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 3 }), { maxLength: 30 })

test('every key that stays is come by, in slices, whatever comes and goes meanwhile', () => {
  fc.assert(
    fc.property(names, names, fc.integer({ min: 1, max: 7 }), (stay, go, slice) => {
      const { tables, commit } = heapTables()
      const put = (key: string) => tables.people.set(key, newUser)
      for (const key of [...stay, ...go]) put(key)
      for (const key of stay) tables.sessions.set(`s${key}`, [])
      for (const key of stay) tables.pages.set(key, { ids: [], before: '' })
      commit()
      const walk = walkKeys(tables, slice)
      const seen = new Set<string>()
      for (let number = 0; !walk.done; number++) {
        const keys = walk.next()
        assert.ok(keys.length <= slice)
        for (const key of keys) seen.add(key)
        const gone = go[number]
        if (gone !== undefined && !stay.includes(gone)) tables.people.delete(gone)
        put(`new ${number}`)
        commit()
      }
      for (const key of stay) for (const name of [key, `s${key}`, keyOfPage(key)]) assert.ok(seen.has(name), name)
    }),
  )
})

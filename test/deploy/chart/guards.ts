/** Who may come in at a door: values that would leave it open are refused, and of an open one the notes tell. */
import assert from 'node:assert/strict'
import { mustFail, type Say } from '../parts.ts'
import { chart, configOf, notesOf, render, valuesOf } from './render.ts'

const doors = [
  ['callers', 'gateway', /reaches the gateway/],
  ['operators', 'http', /reaches port 9464/],
] as const

/** What names half of a guard, without the name of the door's values. */
const halves: readonly (readonly [keys: readonly string[], reason: RegExp])[] = [
  [['existingSecret=s', 'clientCaKey=ca.crt'], /certKey/],
  [['existingSecret=s', 'tokensKey=t', 'clientCaKey=ca.crt'], /certKey/],
  [['existingSecret=s', 'tokensKey=t', 'keyKey=tls.key'], /certKey/],
  [['existingSecret=s', 'tokensKey=t', 'certKey=tls.crt'], /keyKey/],
  [['existingSecret=s'], /everybody would come in/],
  [['existingSecret=s', 'certKey=tls.crt', 'keyKey=tls.key'], /everybody would come in/],
  [['tokensKey=t'], /existingSecret/],
]

export async function guards(say: Say, PATH: string): Promise<void> {
  for (const [values, door, warning] of doors) {
    const own = (keys: readonly string[]) => keys.map(key => `${values}.${key}`)
    for (const [keys, reason] of halves) {
      const set = own(keys).flatMap(each => ['--set', each])
      await mustFail(reason, 'helm', ['template', 'r', chart, ...valuesOf('minimal'), ...set], { PATH })
    }
    const tokens = own(['existingSecret=s', 'tokensKey=t'])
    assert.equal(configOf(await render('r', 'minimal', PATH, ...tokens))[door].tokensFile, `/etc/feedloop/${values}/t`)
    assert.match(await notesOf('minimal', PATH), warning)
    assert.doesNotMatch(await notesOf('minimal', PATH, ...tokens), warning)
    // by a file of `secrets`
    const elsewhere = [...own(['existingSecret=s', 'certKey=c', 'keyKey=k']), `config.${door}.tokensFile=/etc/mine/t`]
    assert.doesNotMatch(await notesOf('minimal', PATH, ...elsewhere), warning)
  }
  say(
    `${doors.length * halves.length} doors that would stand open by half a guard refused; the notes warn of open ones`,
  )
}

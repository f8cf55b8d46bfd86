/** Options of the command line: what is no number, code or time is refused before anything starts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from 'commander'
import { addChain } from '../../src/commands/chain.ts'
import { addDeadLetters } from '../../src/commands/dead-letters.ts'
import { addDemo } from '../../src/commands/demo.ts'

const cases = [
  'demo --seconds soon',
  'demo --seconds 0',
  'demo --seed x',
  'demo --seed 1.5',
  'demo --sessions -3',
  'demo --sessions 0',
  'demo --partitions ,',
  'chain adopt recommendations first',
  'chain adopt recommendations -1',
  'dead-letters list --code NO_SUCH',
  'dead-letters list --code LOG_UNAVAILABLE',
  'dead-letters redrive --stage nobody',
  'dead-letters list --since yesterday',
  'dead-letters redrive --until 25:00',
]

/** No command of the program ends the process or prints. */
function quiet(program: Command): Command {
  program.exitOverride().configureOutput({ writeErr: () => {} })
  for (const command of program.commands) quiet(command)
  return program
}

for (const line of cases)
  test(line, async () => {
    const program = new Command()
    for (const add of [addDemo, addChain, addDeadLetters]) add(program)
    await assert.rejects(quiet(program).parseAsync(line.split(' '), { from: 'user' }), (error: { code?: string }) =>
      ['commander.invalidArgument', 'commander.unknownOption'].includes(error.code ?? ''),
    )
  })

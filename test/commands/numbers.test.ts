/** Options of the command line: what is no number, code or time is refused before anything starts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from 'commander'
import { addBakeoff } from '../../src/commands/bakeoff.ts'
import { addChain } from '../../src/commands/chain.ts'
import { addDeadLetters } from '../../src/commands/dead-letters.ts'
import { addDemo } from '../../src/commands/demo.ts'
import { addForget } from '../../src/commands/forget.ts'
import { addTopics } from '../../src/commands/topics.ts'

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
  'forget u --timeout soon',
  'topics repartition --partitions 2 --to q. --timeout soon',
  'bakeoff a.csv --shuffles 0',
  'bakeoff --environment recogym --seeds x',
  'bakeoff --environment recogym --decisions 1.5',
  'bakeoff a.csv --set nonsense',
  'bakeoff a.csv --set 5',
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
    for (const add of [addBakeoff, addDemo, addForget, addTopics, addChain, addDeadLetters]) add(program)
    await assert.rejects(quiet(program).parseAsync(line.split(' '), { from: 'user' }), (error: { code?: string }) =>
      ['commander.invalidArgument', 'commander.unknownOption'].includes(error.code ?? ''),
    )
  })

/** The one command line. Each command is a file in src/commands/; errors end in one line and a non-zero exit. */
import { Command } from 'commander'
import { addAudit } from './commands/audit.ts'
import { addBakeoff } from './commands/bakeoff.ts'
import { addBroker } from './commands/broker.ts'
import { addChain } from './commands/chain.ts'
import { addConfig } from './commands/config.ts'
import { addDeadLetters } from './commands/dead-letters.ts'
import { addDemo } from './commands/demo.ts'
import { addEnvironment } from './commands/environment.ts'
import { addExplain } from './commands/explain.ts'
import { addForget } from './commands/forget.ts'
import { addRelease } from './commands/release.ts'
import { addReplay } from './commands/replay.ts'
import { addRun } from './commands/run.ts'
import { addSchemas } from './commands/schemas.ts'
import { addSimulate } from './commands/simulate.ts'
import { addTopics } from './commands/topics.ts'
import { addTrain } from './commands/train.ts'
import { addTransitions } from './commands/transitions.ts'
import { addWatch } from './commands/watch.ts'
import { addWeights } from './commands/weights.ts'
import { FeedloopError } from './errors.ts'

const program = new Command('feedloop')
  .description('The self-hosted decision loop on Kafka: recommend, log, join, learn, serve on evidence.')
  .showHelpAfterError()
  .configureHelp({ showGlobalOptions: true })
for (const add of [
  addDemo,
  addRun,
  addTopics,
  addSchemas,
  addConfig,
  addBroker,
  addReplay,
  addAudit,
  addWatch,
  addBakeoff,
  addTrain,
  addDeadLetters,
  addExplain,
  addForget,
  addRelease,
  addEnvironment,
  addTransitions,
  addWeights,
  addChain,
  addSimulate,
])
  add(program)

// who reads us may have had enough: `feedloop dead-letters list | head -1`
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})
try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`${describe(error)}\n`)
  process.exitCode = 1
}

/** One line for what has a code, ours or the system's (EADDRINUSE); a stack only for what is a bug. */
function describe(error: unknown): string {
  const known = error instanceof FeedloopError || typeof (error as NodeJS.ErrnoException)?.code === 'string'
  return known ? (error as Error).message : String((error as Error)?.stack ?? error)
}

import { once } from 'node:events'
import type { Command } from 'commander'
import { environmentNames, openEnvironment } from '../environments/open.ts'
import { openEnvironmentDoor } from '../exchange/environments/door.ts'
import { atLeast } from './shared.ts'

interface ServeFlags {
  readonly host: string
  readonly port: number
  readonly episodes: number
  readonly world?: string
  readonly data?: string
}

export function addEnvironment(program: Command): void {
  program
    .command('environment')
    .description('environments for agents elsewhere (docs/exchange.md)')
    .command('serve <name>')
    .description(`reset and step over HTTP: ${environmentNames.join(', ')}`)
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <number>', '0: any free one', atLeast(0), 8090)
    .option('--episodes <count>', 'episodes open at once; the one stepped longest ago makes room', atLeast(1), 64)
    .option('--world <file>', 'constants of a recogym world')
    .option('--data <folder>', "an environment's data")
    .action(serve)
}

async function serve(name: string, { world, data, ...options }: ServeFlags): Promise<void> {
  const door = await openEnvironmentDoor(openEnvironment(name, { world, data }), options)
  process.stdout.write(`${name} at http://${options.host}:${door.port}\n`)
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  await door.close()
}

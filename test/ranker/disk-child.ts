/** Appends and decides until it is killed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { startTask } from '../../src/log/chain/task.ts'
import { openWorld, type Where } from './disk-world.ts'

const world = await openWorld(process.argv[2]!, process.argv[3] as Where)
const task = startTask(world.options)
await task.ready
process.stdout.write('ready\n')
for (;;) {
  await world.append(10)
  await sleep(1)
}

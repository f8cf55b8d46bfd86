/** Appends and decides until it is killed. */
import { workOn } from '../state/killed.ts'
import { openWorld, type Where } from './disk-world.ts'

const world = await openWorld(process.argv[2]!, process.argv[3] as Where)
await workOn(world)

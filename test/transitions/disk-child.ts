/** Appends and joins until it is killed. */
import { workOn } from '../state/killed.ts'
import { openWorld } from './disk-world.ts'

const world = await openWorld(process.argv[2])
await workOn(world)

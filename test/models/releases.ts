/** The releases of a bus, as they come. */
import type { Release } from '../../schemas/records.ts'
import { follow } from '../../src/operate/broadcast.ts'
import type { ServiceContext } from '../../src/operate/context.ts'

export function followReleases(context: ServiceContext) {
  const releases: Release[] = []
  let arrived = Promise.withResolvers<void>()
  const follower = follow<Release>(context, 'releases', release => {
    releases.push(release)
    arrived.resolve()
  })
  return {
    releases,
    stop: () => follower.stop(),
    /** The release that comes of what is done. */
    async next(work: () => Promise<unknown>): Promise<Release> {
      arrived = Promise.withResolvers<void>()
      await work()
      await arrived.promise
      return releases.at(-1)!
    },
  }
}

/**
 * Secrets that are read again. Files that do not hold shut no door, since they may be half replaced: what was read last goes on.
 * But then a token that somebody took out still opens, so that is said, once for each reason, and when it is over.
 */
import type { Logger } from 'pino'
import type { FeedloopError } from '../../errors.ts'

/** @returns undefined where the files do not hold */
export type Renewal = <T>(read: () => T) => T | undefined

/** @param key of the configuration that names the files, for people */
export function createRenewal(key: string, logger: Logger): Renewal {
  let trouble = ''
  return read => {
    try {
      const found = read()
      if (trouble !== '') logger.info(`${key}: read again`)
      trouble = ''
      return found
    } catch (error) {
      const { code, message } = error as FeedloopError
      if (message !== trouble) logger.warn({ code }, `${message}; what was read before goes on`)
      trouble = message
    }
  }
}

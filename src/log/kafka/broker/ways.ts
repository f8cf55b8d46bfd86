/** The ways to a broker, in order: those that KAFKA_BROKERS names, else one of our own by a Docker engine, else by Java with Maven. */
import { FeedloopError } from '../../../errors.ts'

/** Brokers that are named are used or an error, never replaced. An empty name is none. */
export const namedBrokers = (): readonly string[] | undefined =>
  process.env.KAFKA_BROKERS?.trim() ? process.env.KAFKA_BROKERS.split(',').map(broker => broker.trim()) : undefined

export interface Ways<T> {
  readonly docker: () => Promise<T>
  readonly java: () => Promise<T>
}

/** Starts what can be started first.
 * @returns it, and for people which way it is and why not the one before
 * @throws FeedloopError BUS_UNAVAILABLE with what was tried */
export async function startFirst<T>({ docker, java }: Ways<T>): Promise<{ started: T; because: string }> {
  const failures: string[] = []
  for (const [name, start] of [
    ['Docker', docker],
    ['Java and Maven', java],
  ] as const) {
    try {
      return { started: await start(), because: [`started with ${name}`, ...failures].join('; ') }
    } catch (error) {
      failures.push(`no ${name}: ${(error as Error).message.split('\n')[0]}`)
    }
  }
  throw new FeedloopError('BUS_UNAVAILABLE', failures.join('; '))
}

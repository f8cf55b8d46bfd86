/**
 * One step a turn of the event loop. What is read wakes the tasks of a process together, and a step holds the loop while its
 * stage decides: all in one turn, they would leave in the sockets what came meanwhile and keep the next fetch from being
 * asked for as long as all of them take.
 */
const waiting: (() => void)[] = []

/** Resolves for one caller a turn, in the order in which they ask; between two of them sockets and timers are served. */
export const turn = (): Promise<void> =>
  new Promise(resolve => {
    if (waiting.push(resolve) === 1) setImmediate(next)
  })

/** A step waits for its turn. */
export const stepsWait = (): boolean => waiting.length > 0

function next(): void {
  waiting.shift()!()
  if (waiting.length > 0) setImmediate(next)
}

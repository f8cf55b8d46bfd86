/**
 * Positions on their way to the group. The newest of each partition is committed, one commit at a time: with two on their
 * way, one that fails late would be tried again after a newer one, and the group would go back, for good where nothing
 * more comes.
 */
import type { Committed, Membership } from '../log/log.ts'

export interface Commits {
  /** Takes the place of what was put for that partition before. */
  put(position: Committed): void
  /** What is not ours any more: its new owner commits it. */
  forget(topic: string, partition: number): void
  /** Commits what was put; what fails stays. Resolves when nothing is on its way. */
  flush(): Promise<void>
}

/** @param failed told why a commit failed; the positions are kept for the next */
export function createCommits(commit: Membership['commit'], failed: (error: unknown) => void): Commits {
  const waiting = new Map<string, Committed>()
  let flying: Promise<void> | null = null
  const nameOf = (topic: string, partition: number): string => `${topic}/${partition}`
  const fly = async (): Promise<void> => {
    const positions = [...waiting]
    try {
      await commit(positions.map(([, position]) => position))
      for (const [name, position] of positions) if (waiting.get(name) === position) waiting.delete(name)
    } catch (error) {
      failed(error)
    }
  }
  return {
    put: position => void waiting.set(nameOf(position.topic, position.partition), position),
    forget: (topic, partition) => void waiting.delete(nameOf(topic, partition)),
    async flush() {
      // What came after it set out is not in it.
      if (flying !== null) await flying
      if (flying === null && waiting.size > 0)
        flying = fly().finally(() => {
          flying = null
        })
      await flying
    },
  }
}

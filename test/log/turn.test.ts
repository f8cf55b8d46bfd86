/** Steps of a process take turns of the event loop, one each, in the order in which they asked. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { turn } from '../../src/log/kafka/turn.ts'

describe('turn', () => {
  test('lets a socket be read between two steps that asked together', async () => {
    const server = createServer(socket => socket.on('error', () => {}).on('data', data => socket.write(data))).listen(
      0,
      '127.0.0.1',
    )
    await once(server, 'listening')
    const socket: Socket = connect((server.address() as { port: number }).port, '127.0.0.1')
    await once(socket, 'connect')
    const seen: string[] = []
    let echoes = 0
    socket.on('data', () => {
      echoes++
      seen.push('echo')
      socket.write('again')
    })
    socket.write('first')
    const STEPS = 200
    const step = async (name: number): Promise<void> => {
      await turn()
      const until = performance.now() + 1
      while (performance.now() < until);
      seen.push(`step ${name}`)
    }
    await Promise.all(Array.from({ length: STEPS }, (_, name) => step(name)))
    socket.destroy()
    server.close()
    assert.deepEqual(
      seen.filter(each => each !== 'echo'),
      Array.from({ length: STEPS }, (_, name) => `step ${name}`),
    )
    assert.ok(echoes > STEPS / 4, `${echoes} echoes while ${STEPS} steps were taken`)
  })

  test('comes again for who asks in its own turn, after those that wait', async () => {
    const order: string[] = []
    const twice = async (): Promise<void> => {
      await turn()
      order.push('first')
      await turn()
      order.push('again')
    }
    const once = async (): Promise<void> => {
      await turn()
      order.push('other')
    }
    await Promise.all([twice(), once()])
    assert.deepEqual(order, ['first', 'other', 'again'])
  })

  test('is free again once nobody waits', async () => {
    await turn()
    await new Promise(resolve => setTimeout(resolve, 5))
    await turn()
  })
})

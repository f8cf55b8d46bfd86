/** A line between a client and a broker that can be cut, or made to swallow answers. */
import { connect, createServer, type Socket } from 'node:net'

export interface Line {
  readonly port: number
  /** What it has done so far: connections cut, bytes of answers swallowed. */
  readonly harm: { readonly cut: number; readonly swallowed: number }
  /** `open`: passes everything. `closed`: cuts all connections, refuses new ones. `deaf`: requests pass, answers do not. */
  set(state: 'open' | 'closed' | 'deaf'): Promise<void>
  close(): Promise<void>
}

/** @param target the broker's port, asked at each connection: it may not be known yet */
export async function startLine(target: () => number): Promise<Line> {
  let deaf = false
  const harm = { cut: 0, swallowed: 0 }
  const sockets = new Set<Socket>()
  const hold = (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
  }
  const server = createServer(client => {
    const broker = connect(target(), '127.0.0.1')
    hold(client)
    hold(broker)
    client.pipe(broker)
    broker.on('data', chunk => {
      if (deaf) harm.swallowed += chunk.length
      else client.write(chunk)
    })
    broker.on('close', () => client.destroy())
    client.on('close', () => broker.destroy())
  })
  const listen = (port: number) => new Promise<void>(resolve => void server.listen(port, '127.0.0.1', resolve))
  const cut = () =>
    new Promise<void>(resolve => {
      if (!server.listening) return resolve()
      server.close(() => resolve())
      harm.cut += sockets.size / 2
      for (const socket of sockets) socket.destroy()
    })
  await listen(0)
  const { port } = server.address() as { port: number }
  return {
    port,
    harm,
    async set(state) {
      deaf = state === 'deaf'
      if (state === 'closed') await cut()
      else if (!server.listening) await listen(port)
    },
    close: cut,
  }
}

import type { Socket } from 'node:net'

/**
 * Closes a connection with a RST, at once. Node's resetAndDestroy() first writes what is still to be written and ends its side,
 * which never comes to pass with a peer that does not read; and a socket that is destroyed meanwhile is then never closed, for
 * which the process waits at its exit, forever. So this sets the flag which that method sets, and does not set it on a socket that
 * is shutting down.
 */
export function resetSocket(socket: Socket): void {
  if (socket.destroyed) return
  const shuttingDown = socket.writableEnded && !socket.writableFinished
  if (!shuttingDown && !socket.connecting) Object.assign(socket, { resetAndClosing: true })
  socket.destroy()
}

import { ZooKeeperError } from './zookeeper-error.ts'

// What org.apache.zookeeper.common.PathUtils refuses: control characters, surrogates and what follows them up to the end of
// the private use area, and the specials; segments that are empty, `.` or `..`.
const REFUSED =
  // eslint-disable-next-line no-control-regex -- those are meant
  /[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]|\/(?:\.{0,2})(?:\/|$)/

/** Whether ZooKeeper accepts this as the path of a node. */
export function isNodePath(path: string): boolean {
  return path === '/' || (path.startsWith('/') && !REFUSED.test(path))
}

/** Refuses what is no path of a node. */
function checkPath(path: string): void {
  if (isNodePath(path)) return
  throw new ZooKeeperError('BAD_ARGUMENTS', 'this is not a path that ZooKeeper accepts')
}

/** The client's paths and the server's, which has the chroot before them. */
export class Paths {
  readonly #chroot: string

  constructor(chroot = '') {
    if (chroot !== '') checkPath(chroot)
    this.#chroot = chroot === '/' ? '' : chroot
  }

  /** @throws ZooKeeperError `BAD_ARGUMENTS` */
  onServer(path: string): string {
    checkPath(path)
    if (this.#chroot === '') return path
    return path === '/' ? this.#chroot : this.#chroot + path
  }

  /** The same of a node to be created, where digits may follow a slash. */
  toCreate(path: string, sequential: boolean): string {
    return sequential && path.endsWith('/')
      ? this.onServer(`${path}0`).slice(0, -1)
      : this.onServer(path)
  }

  inClient(path: string): string {
    if (this.#chroot === '') return path
    return path === this.#chroot ? '/' : path.slice(this.#chroot.length)
  }
}

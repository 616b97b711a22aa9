"""Whether there is room to write, and which errors say that there is not."""

import errno
import shutil
from pathlib import Path

from cnnzoo.errors import UserError

UNWRITABLE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
    *(errno.EEXIST, errno.ENOTDIR, errno.EISDIR),
    errno.ENOLCK,  # such as a network file system without its lock daemon
)


def is_unwritable(error: BaseException) -> bool:
    """Say whether an error is of a disk or a folder that cannot be written to."""
    return isinstance(error, OSError) and error.errno in UNWRITABLE


def left_behind(lock: Path) -> str:
    """Return what else can be done about a lock that is held, if it is one that stays where its machine breaks down.

    That is so on file systems without locks, where what the file says stands for one.
    """
    stays = lock.exists() and lock.stat().st_size
    return f"; if there is none any more, remove {lock}" if stays else ""


def check_space(run_dir: Path, params: int) -> None:
    """Check that the checkpoints of a net fit on the disk: last, previous, best and one that is being written.

    Raises:
        UserError: they do not.
    """
    needed = 4 * 3 * 4 * params  # float32 weights with up to two values of the optimizer for each
    needed -= sum(path.stat().st_size for path in run_dir.glob("checkpoints/*.ckpt"))  # of a run that goes on
    free = shutil.disk_usage(run_dir).free
    if free < needed:
        raise UserError(
            f"checkpoints may take another {needed / 2**30:.1f} GiB, and {run_dir} has {free / 2**30:.1f} GiB left\n"
            "make room, or type hydra.run.dir=DIR with a folder on another disk"
        )

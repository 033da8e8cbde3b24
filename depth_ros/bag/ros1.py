"""Read a ROS 1 bag as one of ROS 2, as far as it is whole."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

from rosbags.interfaces import Connection
from rosbags.rosbag1.reader import (
    ChunkInfo,
    Header,
    IndexData,
    Reader,
    RecordType,
    read_bytes,
    read_uint32,
)
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from depth_ros.bag.types import TYPESTORE, generate

_RENAMED = {"tf/msg/tfMessage": "tf2_msgs/msg/TFMessage"}
_HEADER = "std_msgs/msg/Header"
_MAGIC = b"#ROSBAG V2.0\n"


class PatientRos1(Reader):
    """A reader that rebuilds the index of a file that was cut off, and reports that.

    Source: the ROS 1 bag format 2.0; records are a header and data, each after its length.

    Attributes:
        damage: what could not be read, and where, each once.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file = path
        self.damage: dict[str, None] = {}

    def open(self) -> None:
        """Open the file."""
        try:
            super().open()
        except Exception:  # whatever a parser makes of damaged bytes
            with self._file.open("rb") as file:
                if file.readline() != _MAGIC:
                    raise
            self._rebuild()

    def _rebuild(self) -> None:
        """Read every chunk from the start on, for the index that the end of the file lacks."""
        self.bio = file = self._file.open("rb")
        file.readline()
        position = file.tell()
        try:
            while True:
                position = file.tell()
                header = Header.read(file)
                if header.get_uint8("op") == RecordType.CHUNK:
                    file.seek(position)
                    self._add_chunk(position)
                else:
                    read_bytes(file, read_uint32(file))
        except Exception as error:  # as in open()
            self.damage[f"{self._file.name}: from byte {position}: {error}"] = None
        counts = {
            connection.id: len(self.indexes[connection.id]) for connection in self.connections
        }
        self.connections = [each._replace(msgcount=counts[each.id]) for each in self.connections]

    def _add_chunk(self, position: int) -> None:
        """Enter the chunk at the file's position, and what it holds, into the index."""
        file = self.bio
        assert file
        chunk = self.read_chunk()
        file.seek(chunk.datapos)
        raw = chunk.decompressor(read_bytes(file, chunk.datasize))
        times: list[int] = []
        stream = BytesIO(raw)
        while stream.tell() < len(raw):
            offset = stream.tell()
            header = Header.read(stream)
            if header.get_uint8("op") == RecordType.CONNECTION:
                stream.seek(offset)
                self._add_connection(stream)
                continue
            read_bytes(stream, read_uint32(stream))
            time_ns = header.get_time("time")
            times.append(time_ns)
            insort(self.indexes[header.get_uint32("conn")], IndexData(time_ns, position, offset))
        self.chunks[position] = chunk
        self.chunk_infos.append(ChunkInfo(position, min(times), max(times) + 1, {}))

    def _add_connection(self, stream: BytesIO) -> None:
        # rosbags reads from the file that it has open.
        self.bio, file = stream, self.bio
        try:
            connection = self.read_connection()
        finally:
            self.bio = file
        if connection.id not in self.indexes:
            self.indexes[connection.id] = []
            self.connections.append(connection)


class Ros1Types:
    """Turns messages of ROS 1 into those of ROS 2.

    Types that ROS 2 lays out alike take its definition, others keep their own.
    """

    def __init__(self, connections: Iterable[Connection]) -> None:
        own = {}
        for connection in connections:
            own.update(get_types_from_msg(connection.msgdef.data, connection.msgtype))
        known = TYPESTORE.fielddefs
        # Names do not matter on the wire: CameraInfo's D, K, R, P are ROS 2's d, k, r, p. A header
        # has lost its seq on the way, which rosbags knows.
        for name in [name for name in own if name in known]:
            alike = [kind for _, kind in own[name][1]] == [kind for _, kind in known[name][1]]
            if alike or name == _HEADER:
                del own[name]
        self._typestore = get_typestore(Stores.EMPTY)
        self._typestore.register({**known, **own})

    def kind(self, kind: str) -> str:
        """Return the name in ROS 2 of a type of ROS 1."""
        return _RENAMED.get(kind, kind)

    def cdr(self, kind: str, data: bytes) -> bytes:
        """Return a message of a type of ROS 1 as ROS 2 serialises it."""
        return bytes(self._typestore.ros1_to_cdr(data, self.kind(kind)))

    def definition(self, kind: str) -> tuple[str, str]:
        """Return the definition and digest of a type by its name in ROS 2."""
        return generate(self._typestore, kind)

"""A profile of Fast DDS with which tests do not wait for messages that were lost.

What is sent while two processes find each other is often lost, and sent again after a heartbeat:
every 3 s by default.
"""

from pathlib import Path

_OFTEN = """\
  <data_writer profile_name="often" is_default_profile="true">
    <times>
      <heartbeatPeriod><sec>0</sec><nanosec>100000000</nanosec></heartbeatPeriod>
    </times>
  </data_writer>
"""
_UDP = """\
<?xml version="1.0" encoding="UTF-8"?>
<profiles xmlns="http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles">
  <transport_descriptors>
    <transport_descriptor><transport_id>udp</transport_id><type>UDPv4</type></transport_descriptor>
  </transport_descriptors>
  <participant profile_name="udp" is_default_profile="true">
    <rtps>
      <userTransports><transport_id>udp</transport_id></userTransports>
      <useBuiltinTransports>false</useBuiltinTransports>
    </rtps>
  </participant>
</profiles>
"""


def write(folder: Path, profile: str = _UDP) -> Path:
    """Write a profile with heartbeats every 0.1 s into a folder, and return its path.

    By default it uses UDP alone: shared memory that a killed process had a part of can stay blocked
    for those that come after it.
    """
    path = folder / "profile.xml"
    path.write_text(profile.replace("</profiles>", f"{_OFTEN}</profiles>"))
    return path

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
_NONE = """\
<?xml version="1.0" encoding="UTF-8"?>
<profiles xmlns="http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles">
</profiles>
"""


def write(folder: Path, profile: str = _NONE) -> Path:
    """Write a profile with heartbeats every 0.1 s into a folder, and return its path."""
    path = folder / "profile.xml"
    path.write_text(profile.replace("</profiles>", f"{_OFTEN}</profiles>"))
    return path

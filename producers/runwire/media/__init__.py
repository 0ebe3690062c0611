"""Media: images, sounds, videos, pages, histograms and plots that are logged beside numbers.

What is large of one is a file that is kept in the spool (`runwire.spool.files`) and uploaded by the shipper; what is
small is an event. Each is encoded when it is made, so that an array may be changed afterwards; a file that is named by
its path is read when it is logged.
"""

from __future__ import annotations

from runwire.media.base import Media, as_media
from runwire.media.figure import Plotly
from runwire.media.histogram import Histogram
from runwire.media.html import Html
from runwire.media.image import Image
from runwire.media.sound import Audio
from runwire.media.video import Video

__all__ = ["Audio", "Histogram", "Html", "Image", "Media", "Plotly", "Video", "as_media"]

"""SQL of the tracks whose popularity changed most, for the daily and the weekly page.

Changes come from `marts.mart_popularity_movers`: those of the seven days that end with its newest date in a
range, without tracks that no source listed on that date.
"""

from __future__ import annotations

from typing import LiteralString

MOVERS: LiteralString = """
select track_id, track.track_name, track.spotify_url, track.artist_names,
       moved.popularity::int as popularity, moved.popularity_change as change
from marts.mart_popularity_movers moved
join marts.dim_track track using (track_id)
where moved.window_days = 7
  and moved.observed_on = (
      select max(observed_on) from marts.mart_popularity_movers
      where observed_on between %(first)s and %(last)s
  )
  and (track.left_on is null or track.left_on > moved.observed_on)
order by abs(moved.popularity_change) desc, moved.popularity desc, track_id
limit %(rows)s
"""
"""Parameters: `first` and `last` date of the range, `rows`."""

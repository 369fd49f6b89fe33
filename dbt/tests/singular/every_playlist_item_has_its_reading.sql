-- Items without a reading would have no say in who entered and left.
select items.playlist_id, items.observed_on
from {{ ref('stg_playlist_items') }} as items
left join {{ ref('stg_playlist_reads') }} as reads
    on items.playlist_id = reads.playlist_id and items.observed_on = reads.observed_on
where reads.playlist_id is null

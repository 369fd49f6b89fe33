-- Items without a reading would not count for who entered and left.
select items.playlist_id, items.observed_on
from {{ ref('stg_playlist_items') }} as items
left join {{ ref('stg_list_reads') }} as reads
    on reads.list_kind = 'playlist' and items.playlist_id = reads.list_id and items.observed_on = reads.observed_on
where items.load_seq >= {{ compared_from() }} and reads.list_id is null

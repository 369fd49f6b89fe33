with source as (

    select * from {{ source('staging', 'list_reads') }}

),

renamed as (

    select
        list_id as playlist_id,
        observed_on,
        complete as is_complete,
        item_count,
        load_seq

    from source
    where list_kind = 'playlist'

)

select * from renamed

with source as (

    select * from {{ source('ops', 'removal') }}

),

renamed as (

    select
        load_seq,
        removed_at,
        history_before,
        plays_before

    from source

)

select * from renamed

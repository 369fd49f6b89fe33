-- One row in the mart for each row in staging: neither lost nor multiplied by a join.
select staging.row_count as staging_rows, mart.row_count as mart_rows
from (select count(*) as row_count from {{ source('staging', 'artists') }}) as staging
cross join (select count(*) as row_count from {{ ref('dim_artist') }}) as mart
where staging.row_count <> mart.row_count

-- Every day from the first to the last.
select date_day
from (
    select date_day, lead(date_day) over (order by date_day) as next_day from {{ ref('dim_date') }}
) as days
where next_day <> date_day + 1

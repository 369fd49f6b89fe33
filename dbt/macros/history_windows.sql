{#
    Windows of equal values over dated observations: one row per id and date on which a value changed.

    `always` are columns that every observation has, `sometimes` those that a response may leave out: there a null
    there means that the last value still holds.

    Incremental over whole ids. An id is built again when a new observation (by load_seq) is in no window, in a
    window of other values, or at the start of a window, or when the observation that opened a window was deleted.
    Any other observation gives the same windows, also if it is late or repeated.

    A window that began before what retention left and reaches into it is kept from the last build, so that a value
    does not look as if it began with the oldest observation that is left. One that ended before that goes.
#}
{% macro is_kept_window() -%}
    valid_from < {{ history_retained_from() }} and (valid_to is null or valid_to >= {{ history_retained_from() }})
{%- endmacro %}


{% macro history_windows(relation, id, always, sometimes) -%}
with

{% if is_incremental() %}
contradicted as (

    select distinct observation.{{ id }}
    from {{ relation }} as observation
    left join {{ this }} as history
        on
            observation.{{ id }} = history.{{ id }}
            and observation.observed_on >= history.valid_from
            and (history.valid_to is null or observation.observed_on < history.valid_to)
    where
        observation.load_seq > {{ seen_load_seq() }}
        and (
            history.{{ id }} is null
            -- the observation that opened a window was corrected and may have fewer values than before
            or observation.observed_on = history.valid_from
            {%- for column in always %}
            or observation.{{ column }} is distinct from history.{{ column }}
            {%- endfor %}
            {%- for column in sometimes %}
            or (observation.{{ column }} is not null and observation.{{ column }} is distinct from history.{{ column }})
            {%- endfor %}
        )

    {% if is_anything_removed() %}
    union

    select history.{{ id }}
    from {{ this }} as history
    left join {{ relation }} as observation
        on history.{{ id }} = observation.{{ id }} and history.valid_from = observation.observed_on
    where observation.{{ id }} is null
    {% endif %}

),
{% endif %}

observations as (

    {% set columns = [id, 'observed_on', 'load_seq'] + always + sometimes %}
    {% if is_incremental() %}
    -- `offset 0` has the index read id by id
    select observation.*
    from contradicted
    cross join lateral (
        select {{ columns | join(', ') }}
        from {{ relation }}
        where {{ id }} = contradicted.{{ id }} and observed_on >= {{ history_retained_from() }}
        offset 0
    ) as observation
    {% else %}
    select {{ columns | join(', ') }}
    from {{ relation }}
    where observed_on >= {{ history_retained_from() if is_built_before() else "date '0001-01-01'" }}
    {% endif %}

    {% if is_built_before() %}
    union all

    select {{ columns | join(', ') | replace('observed_on', 'valid_from as observed_on') }}
    from {{ this }}
    where
        {{ is_kept_window() }}
        {% if is_incremental() %}
        and {{ id }} in (select {{ id }} from contradicted)
        {% endif %}
    {% endif %}

),

-- each value that is not null starts a run of observations
runs as (

    select
        *
        {%- for column in sometimes %},
        count({{ column }}) over (partition by {{ id }} order by observed_on) as {{ column }}_run
        {%- endfor %}

    from observations

),

carried as (

    select
        {{ id }},
        observed_on,
        load_seq
        {%- for column in always %},
        {{ column }}
        {%- endfor %}
        {%- for column in sometimes %},
        first_value({{ column }}) over (partition by {{ id }}, {{ column }}_run order by observed_on) as {{ column }}
        {%- endfor %}

    from runs

),

compared as (

    select
        *,
        max(load_seq) over (partition by {{ id }}) as newest_load_seq,
        (
            row_number() over observed = 1
            {%- for column in always + sometimes %}
            or {{ column }} is distinct from (lag({{ column }}) over observed)
            {%- endfor %}
        ) as is_changed

    from carried
    window observed as (partition by {{ id }} order by observed_on)

),

windows as (

    select
        *,
        lead(observed_on) over (partition by {{ id }} order by observed_on) as next_change_on

    from compared
    where is_changed

)

select
    {{ id }},
    observed_on as valid_from,
    next_change_on as valid_to,
    next_change_on is null as is_current
    {%- for column in always + sometimes %},
    {{ column }}
    {%- endfor %},
    newest_load_seq as load_seq

from windows
{%- if is_built_before() %}
where next_change_on is null or next_change_on >= {{ history_retained_from() }}
{%- endif %}
{%- endmacro %}

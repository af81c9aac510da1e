{% snapshot iterable__lists_snapshot %}
{{ config(unique_key=["source_relation", "id"]) }}
{{ source_iterable.history("lists", ["id"], "created_at") }}
{% endsnapshot %}

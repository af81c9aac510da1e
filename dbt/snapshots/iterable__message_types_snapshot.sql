{% snapshot iterable__message_types_snapshot %}
{{ config(unique_key=["source_relation", "id"]) }}
{{ source_iterable.history("message_types", ["id"], "updated_at") }}
{% endsnapshot %}

{% snapshot iterable__templates_snapshot %}
{{ config(unique_key=["source_relation", "template_id"]) }}
{{ source_iterable.history("templates", ["template_id"], "updated_at") }}
{% endsnapshot %}

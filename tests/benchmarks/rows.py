"""Rows of `/model/info`: as many as wanted, the same ones every time, shaped like a real proxy's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

# The keys of `model_info` in a row of LiteLLM 1.106.2, in its order. It says all of them, most of them null.
_KEYS = """
    id db_model member_auto_router access_via_team_ids direct_access pricing_overrides key max_tokens
    max_input_tokens max_output_tokens input_cost_per_token input_cost_per_token_flex input_cost_per_token_priority
    input_cost_per_token_balanced input_cost_per_token_ultrafast cache_creation_input_token_cost
    cache_creation_input_token_cost_above_200k_tokens cache_creation_input_token_cost_above_272k_tokens
    cache_creation_input_token_cost_above_272k_tokens_priority
    cache_creation_input_token_cost_above_272k_tokens_flex
    cache_creation_input_token_cost_above_272k_tokens_ultrafast cache_creation_input_token_cost_flex
    cache_creation_input_token_cost_priority cache_creation_input_token_cost_ultrafast cache_read_input_token_cost
    cache_read_input_audio_token_cost prompt_cache_min_tokens cache_read_input_token_cost_above_200k_tokens
    cache_read_input_token_cost_above_200k_tokens_priority cache_read_input_token_cost_above_272k_tokens
    cache_read_input_token_cost_above_272k_tokens_priority cache_read_input_token_cost_above_272k_tokens_flex
    cache_read_input_token_cost_above_272k_tokens_ultrafast cache_read_input_token_cost_above_512k_tokens
    cache_read_input_token_cost_flex cache_read_input_token_cost_priority cache_read_input_token_cost_balanced
    cache_read_input_token_cost_ultrafast cache_read_input_token_cost_batches
    cache_read_input_token_cost_above_200k_tokens_batches cache_read_input_token_cost_above_272k_tokens_batches
    cache_creation_input_token_cost_batches cache_creation_input_token_cost_above_200k_tokens_batches
    cache_creation_input_token_cost_above_272k_tokens_batches cache_creation_input_token_cost_above_1hr
    off_peak_pricing input_cost_per_character input_cost_per_token_above_128k_tokens
    input_cost_per_token_above_200k_tokens input_cost_per_token_above_200k_tokens_priority
    input_cost_per_token_above_272k_tokens input_cost_per_token_above_272k_tokens_priority
    input_cost_per_token_above_272k_tokens_flex input_cost_per_token_above_272k_tokens_ultrafast
    input_cost_per_token_above_512k_tokens input_cost_per_query cost_per_second input_cost_per_second
    input_cost_per_audio_token input_cost_per_image_token input_cost_per_video_token
    input_cost_per_audio_token_batches input_cost_per_image_token_batches input_cost_per_image
    input_cost_per_audio_per_second input_cost_per_video_per_second input_cost_per_token_batches
    input_cost_per_video_token_batches input_cost_per_token_above_200k_tokens_batches
    input_cost_per_token_above_272k_tokens_batches output_cost_per_token_batches
    output_cost_per_token_above_200k_tokens_batches output_cost_per_token_above_272k_tokens_batches
    output_cost_per_token output_cost_per_token_flex output_cost_per_token_priority output_cost_per_token_balanced
    output_cost_per_token_ultrafast regional_processing_uplift_multiplier_eu
    regional_processing_uplift_multiplier_us regional_endpoint_uplift_multiplier output_cost_per_audio_token
    output_cost_per_character output_cost_per_reasoning_token output_cost_per_reasoning_token_flex
    output_cost_per_reasoning_token_priority output_cost_per_token_above_128k_tokens
    output_cost_per_character_above_128k_tokens output_cost_per_token_above_200k_tokens
    output_cost_per_token_above_200k_tokens_priority output_cost_per_token_above_272k_tokens
    output_cost_per_token_above_272k_tokens_priority output_cost_per_token_above_272k_tokens_flex
    output_cost_per_token_above_272k_tokens_ultrafast output_cost_per_token_above_512k_tokens output_cost_per_second
    output_cost_per_second_1080p output_cost_per_second_480p output_cost_per_second_720p output_cost_per_second_768p
    output_cost_per_second_2k output_cost_per_second_4k output_cost_per_video_per_second output_cost_per_image
    output_cost_per_pixel output_cost_per_image_token output_cost_per_image_token_batches
    output_cost_per_video_token output_vector_size citation_cost_per_token tiered_pricing litellm_provider mode
    supported_endpoints supports_system_messages supports_response_schema supports_vision supports_function_calling
    supports_parallel_function_calling supports_tool_choice supports_assistant_prefill supports_prompt_caching
    supports_prompt_cache_breakpoint supports_thinking_cache_preservation supports_audio_input supports_video_input
    supports_box_questions supports_audio_output supports_pdf_input supports_embedding_image_input
    supports_native_streaming supports_native_structured_output supports_web_search supports_url_context
    supports_reasoning supports_adaptive_thinking supports_legacy_thinking thinking_always_on supports_tool_search
    supports_mid_conversation_system supports_anthropic_thinking_payload supports_anthropic_compaction
    supports_none_reasoning_effort supports_minimal_reasoning_effort supports_low_reasoning_effort
    supports_xhigh_reasoning_effort supports_max_reasoning_effort reasoning_effort_levels default_reasoning_effort
    bedrock_output_config_effort_ceiling bedrock_converse_supports_strict_tools supports_regex_lookaround
    supports_computer_use search_context_cost_per_query web_search_billing_unit search_free_requests
    google_maps_grounding_cost_per_query tpm rpm ocr_cost_per_page ocr_cost_per_page_batches ocr_cost_per_credit
    annotation_cost_per_page annotation_cost_per_page_batches provider_specific_entry uses_embed_content
    supports_image_size supported_audio_formats token_count_framing token_count_model token_count_tokenizer
    vertex_ai_audio_api supported_openai_params
"""
_OPENAI_PARAMS = """
    frequency_penalty logit_bias logprobs top_logprobs max_tokens max_completion_tokens modalities prediction n
    presence_penalty seed stop stream stream_options temperature top_p tools tool_choice function_call functions
    extra_headers parallel_tool_calls audio web_search_options service_tier safety_identifier prompt_cache_key
    prompt_cache_retention store response_format reasoning_effort
"""

_PARAMS = {
    "api_base": "https://gateway.internal.example.com/openai/v1",
    "allow_client_keepalive_override": False,
    "use_in_pass_through": False,
    "use_litellm_proxy": False,
    "use_xai_oauth": False,
    "merge_reasoning_content_in_choices": False,
}
# What every row says beside nulls; the rest is in `_KINDS`.
_KNOWN: dict[str, Any] = {
    "db_model": True,
    "member_auto_router": False,
    "access_via_team_ids": [f"{team:08x}-5d1c-4c0e-9f3a-7b6c5d4e3f21" for team in range(10)],
    "direct_access": True,
    "pricing_overrides": [],
    "supports_system_messages": True,
    "supports_function_calling": True,
    "supports_tool_choice": True,
    "supported_openai_params": _OPENAI_PARAMS.split(),
}
_KINDS: tuple[dict[str, Any], ...] = (
    {
        "litellm_provider": "openai",
        "mode": "chat",
        "max_tokens": 16384,
        "max_input_tokens": 128000,
        "max_output_tokens": 16384,
        "input_cost_per_token": 2.5e-06,
        "input_cost_per_token_priority": 4.25e-06,
        "cache_read_input_token_cost": 1.25e-06,
        "cache_read_input_token_cost_priority": 2.125e-06,
        "input_cost_per_token_batches": 1.25e-06,
        "output_cost_per_token_batches": 5e-06,
        "output_cost_per_token": 1e-05,
        "output_cost_per_token_priority": 1.7e-05,
        "supports_response_schema": True,
        "supports_vision": True,
        "supports_parallel_function_calling": True,
        "supports_prompt_caching": True,
        "supports_pdf_input": True,
    },
    {
        "litellm_provider": "anthropic",
        "mode": "chat",
        "max_tokens": 64000,
        "max_input_tokens": 200000,
        "max_output_tokens": 64000,
        "input_cost_per_token": 3e-06,
        "output_cost_per_token": 1.5e-05,
        "cache_creation_input_token_cost": 3.75e-06,
        "cache_creation_input_token_cost_above_1hr": 6e-06,
        "cache_read_input_token_cost": 3e-07,
        "prompt_cache_min_tokens": 1024,
        "supports_assistant_prefill": True,
        "supports_computer_use": True,
        "supports_pdf_input": True,
        "supports_prompt_caching": True,
        "supports_reasoning": True,
        "supports_response_schema": True,
        "supports_vision": True,
        "search_context_cost_per_query": {
            "search_context_size_high": 0.01,
            "search_context_size_low": 0.01,
            "search_context_size_medium": 0.01,
        },
    },
    {
        "litellm_provider": "openai",
        "mode": "responses",
        "max_tokens": 128000,
        "max_input_tokens": 272000,
        "max_output_tokens": 128000,
        "input_cost_per_token": 1.25e-06,
        "output_cost_per_token": 1e-05,
        "cache_read_input_token_cost": 1.25e-07,
        "supported_endpoints": ["/v1/responses"],
        "supports_native_streaming": True,
        "supports_none_reasoning_effort": False,
        "supports_minimal_reasoning_effort": True,
        "supports_reasoning": True,
        "supports_response_schema": True,
        "supports_vision": True,
    },
    # Facts that nobody told LiteLLM, as for a model of one's own.
    {"litellm_provider": "hosted_vllm", "supports_function_calling": None, "supports_tool_choice": None},
)


def row(number: int) -> bytes:
    """Return the JSON of one deployment, under a public name that no other has: nothing can be reduced."""
    kind = _KINDS[number % len(_KINDS)]
    name = f"{kind['litellm_provider']}/team-{number % 97:02}/model-{number:05}"
    known = {**_KNOWN, **kind, "id": model_id(number), "key": name}
    info = {key: known.get(key) for key in _KEYS.split()}
    deployment = {"model_name": name, "litellm_params": {**_PARAMS, "model": name}, "model_info": info}
    return json.dumps(deployment, separators=(",", ":")).encode()


def rows(count: int) -> Iterator[bytes]:
    """Yield the JSON of that many deployments."""
    return map(row, range(count))


def model_id(number: int) -> str:
    """Return the id of a deployment: 64 hexadecimal digits."""
    return f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}" * 4
